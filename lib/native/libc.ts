/** The C library of this process. */

export interface Libc {
  readonly name: 'glibc' | 'musl'
  /** Of glibc, as it runs; musl does not tell. */
  readonly version?: string | undefined
}

/** What this process runs on, or undefined where the system has one C library only. */
export function detectLibc(): Libc | undefined {
  if (process.platform !== 'linux') return undefined
  const report = process.report as NodeJS.ProcessReport & { excludeNetwork?: boolean }
  const { excludeNetwork } = report
  // Else it looks up the name of every address of the machine.
  report.excludeNetwork = true
  const { header } = report.getReport() as unknown as { header: { glibcVersionRuntime?: string } }
  report.excludeNetwork = excludeNetwork ?? false
  const version = header.glibcVersionRuntime
  return version === undefined ? { name: 'musl' } : { name: 'glibc', version }
}
