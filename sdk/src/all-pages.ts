/** What is on all pages of a list, from the first one on. */
export async function allPages<
  Cursor extends string | number,
  Page extends { nextCursor?: Cursor | undefined },
  Item,
>(load: (cursor?: Cursor) => Promise<Page>, itemsOf: (page: Page) => readonly Item[]): Promise<Item[]> {
  const items: Item[] = [];
  for (let cursor: Cursor | undefined; ;) {
    const page = await load(cursor);
    items.push(...itemsOf(page));
    cursor = page.nextCursor;
    if (cursor === undefined) return items;
  }
}
