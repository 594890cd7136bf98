/** One that was not ended, and why. */
export interface Refusal {
  id: string;
  error: unknown;
}

/** Ends each that is named; one that is refused keeps no other from its end. */
export async function terminateAll(
  ids: readonly string[],
  terminate: (id: string) => Promise<unknown>,
): Promise<Refusal[]> {
  const refused = await Promise.all(
    ids.map((id) =>
      terminate(id).then(
        () => [],
        (error: unknown) => [{ id, error }],
      ),
    ),
  );
  return refused.flat();
}
