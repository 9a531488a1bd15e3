/** Runs work, then `close`. Rejects with the first error of the two. */
export async function closing<T>(work: () => Promise<T>, close: () => Promise<void>): Promise<T> {
  let result: T
  try {
    result = await work()
  } catch (error) {
    await close().catch(() => {})
    throw error
  }
  await close()
  return result
}
