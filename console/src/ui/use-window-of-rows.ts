import { useCallback, useLayoutEffect, useRef, useState } from 'react';
import type { RefObject } from 'react';

/** Rows beyond what is seen, so that scrolling shows no gap. */
const MARGIN_ROWS = 12;

export interface WindowOfRows {
  scroller: RefObject<HTMLDivElement | null>;
  onScroll: () => void;
  first: number;
  last: number;
  /** Heights of what is left out above and below. */
  beforePx: number;
  afterPx: number;
}

/** Which of many rows of one height are drawn: those that are seen, and some around them. */
export function useWindowOfRows(count: number, rowPx: number): WindowOfRows {
  const scroller = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, height: 800 });
  const look = useCallback(() => {
    const box = scroller.current;
    if (box === null) return;
    const top = Math.floor(box.scrollTop / rowPx) * rowPx;
    setView((was) =>
      was.top === top && was.height === box.clientHeight ? was : { top, height: box.clientHeight },
    );
  }, [rowPx]);
  useLayoutEffect(() => {
    const box = scroller.current;
    if (box === null) return undefined;
    look();
    const observer = new ResizeObserver(look);
    observer.observe(box);
    return () => observer.disconnect();
  }, [look]);
  const first = Math.max(0, Math.min(count, Math.floor(view.top / rowPx)) - MARGIN_ROWS);
  const last = Math.min(count, Math.ceil((view.top + view.height) / rowPx) + MARGIN_ROWS);
  return {
    scroller,
    onScroll: look,
    first,
    last,
    beforePx: first * rowPx,
    afterPx: Math.max(0, count - last) * rowPx,
  };
}
