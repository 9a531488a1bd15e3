/** Detects the C library of this process. */

export interface Libc {
  readonly name: 'glibc' | 'musl'
  /** The version of glibc; musl does not report one. */
  readonly version?: string | undefined
}

/** The C library that this process runs on, or undefined on systems with only one. */
export function detectLibc(): Libc | undefined {
  if (process.platform !== 'linux') return undefined
  const report = process.report as NodeJS.ProcessReport & { excludeNetwork?: boolean }
  const { excludeNetwork } = report
  // The report would otherwise look up the host name of every network address.
  report.excludeNetwork = true
  const { header } = report.getReport() as unknown as { header: { glibcVersionRuntime?: string } }
  report.excludeNetwork = excludeNetwork ?? false
  const version = header.glibcVersionRuntime
  return version === undefined ? { name: 'musl' } : { name: 'glibc', version }
}
