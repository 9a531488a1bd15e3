/** The types of the native addon's functions for the ranks of a distributed training. */

/** What one rank said in an exchange. */
export interface NativeSaid {
  readonly topic: string
  readonly failed: boolean
  readonly contents: Uint8Array
}

/** The functions by which a process joins and leaves other ranks, and exchanges bytes with them. */
export interface NativeRanks {
  /**
   * Joins the ranks that a launcher started: loads its MPI library and initializes it. Without a launcher this process is rank 0 of 1, and
   * `library` is missing.
   */
  joinCluster(): Promise<{
    readonly rank: number
    readonly size: number
    readonly localRank: number
    readonly hosts: number
    readonly library?: string
  }>
  /** How many processes a launcher started, this one among them; 1 without a launcher, and 2 where it does not say how many. */
  launchedRanks(): number
  /** Waits until all ranks call it, and gives what each of them said. A topic has at most 46 bytes. */
  exchange(topic: string, failed: boolean, contents: Uint8Array): Promise<NativeSaid[]>
  /**
   * Measures exchanges of so many gradients: the seconds of each, and those of its additions alone. All ranks call it. For benchmarks.
   */
  measureExchange(
    floats: number,
    repetitions: number,
  ): Promise<{ readonly exchange: Float64Array; readonly additions: Float64Array }>
  /** How many seconds a call may wait for other ranks before it ends the process with the exit status 75. */
  setRankTimeout(seconds: number): void
  /** Ends all ranks, this one with the exit status. */
  abortCluster(status: number): never
  /** To be called as the process exits: waits so long for the other ranks to exit, and finalizes MPI if they do. */
  leaveCluster(seconds: number): boolean
}
