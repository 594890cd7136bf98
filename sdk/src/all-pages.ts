/** What is on all pages of a list, from the first one on. */
export async function allPages<Page extends { nextCursor?: string | undefined }, Item>(
  load: (cursor?: string) => Promise<Page>,
  itemsOf: (page: Page) => readonly Item[],
): Promise<Item[]> {
  const items: Item[] = [];
  for (let cursor: string | undefined; ;) {
    const page = await load(cursor);
    items.push(...itemsOf(page));
    cursor = page.nextCursor;
    if (cursor === undefined) return items;
  }
}
