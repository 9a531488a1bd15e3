/**
 * How Katib's collector reads a file of metrics in the format JSON: the rules of `parseLogsInJsonFormat` in
 * pkg/metricscollector/v1beta1/file-metricscollector, and of `watchMetricsFile` in cmd/metricscollector, which stops trials early.
 */

import assert from 'node:assert/strict'

/** A value that was reported. */
export interface MetricLog {
  readonly timestamp: string
  readonly name: string
  readonly value: string
}

/** What Go's `time.Parse` takes for RFC3339Nano. */
const rfc3339 = /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/
/** What Go's `strconv.ParseFloat` takes, without hexadecimal numbers, infinities and NaN, which no search can use. */
const decimal = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i

/** The values of `metrics` in a file. Fails where the collector would end the trial, warn, or report what no search can use. */
export function collectJson(text: string, metrics: readonly string[]): MetricLog[] {
  const logs: MetricLog[] = []
  for (const line of text.split('\n')) {
    if (line.length === 0) continue
    const values: unknown = JSON.parse(line)
    assert.ok(typeof values === 'object' && values !== null && !Array.isArray(values), line)
    const { timestamp, ...others } = values as Record<string, unknown>
    assert.ok(typeof timestamp === 'string' && rfc3339.test(timestamp), `timestamp: ${timestamp}`)
    for (const name of metrics) {
      const value = others[name]
      // The collector skips values that are no strings.
      if (typeof value !== 'string') continue
      assert.match(value, decimal)
      logs.push({ timestamp, name, value })
    }
  }
  return logs
}

/** What Katib keeps of a metric: the least and the largest value, and the one with the last timestamp. */
export function observe(logs: readonly MetricLog[], name: string) {
  const own = logs.filter((log) => log.name === name)
  const values = own.map(({ value }) => Number(value))
  const last = own.reduce<MetricLog | undefined>(
    (latest, log) => (latest === undefined || Date.parse(latest.timestamp) <= Date.parse(log.timestamp) ? log : latest),
    undefined,
  )
  return { min: Math.min(...values), max: Math.max(...values), latest: Number(last?.value) }
}
