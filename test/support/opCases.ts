/** Points at which rows of the op table are tested, and names for these tests. */

import { Random } from './random.js'
import type { LossReference, PointwiseReference, Targets } from './reference.js'

export const label = (name: string, params: readonly number[]) =>
  params.length === 0 ? name : `${name}(${params.join(', ')})`

/** Points between the kinks, each with some distance from them. */
export function smoothPoints(
  { domain, kinks }: PointwiseReference,
  params: readonly number[],
  count: number,
): number[] {
  const random = new Random(count)
  const [low, high] = domain
  const points: number[] = []
  while (points.length < count) {
    const x = Math.fround(random.uniform(low, high))
    if (!(kinks?.(params) ?? []).some((kink) => Math.abs(kink - x) < 1e-3)) points.push(x)
  }
  return points
}

export interface Row {
  readonly y: number[]
  readonly t: number[]
}

interface Drawn {
  readonly targets: Targets
  readonly domain: LossReference['domain']
}

export function drawRow({ targets, domain }: Drawn, params: readonly number[], units: number, random: Random): Row {
  const y = [...random.uniforms(units, ...domain(params))]
  if (targets === 'real') return { y, t: [...random.normals(units)] }
  if (targets === 'binary') return { y, t: y.map(() => random.below(2)) }
  if (targets === 'predictions') return { y, t: y.map((v) => v + random.below(2)) }
  const label = random.below(units)
  return { y, t: y.map((_, i) => (i === label ? 1 : 0)) }
}
