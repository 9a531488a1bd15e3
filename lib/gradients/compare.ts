/** Compares gradients with finite differences of the loss. */

import type { Shape } from '../layers/layer.js'
import type { Probe } from './probe.js'
import { slopeAt } from './slope.js'

/** The comparison of one parameter's gradient with finite differences of the loss. */
export interface ParameterCheck {
  /** Name of the parameter as in {@link Sequential.getWeights}: `dense/kernel`. */
  readonly name: string
  readonly shape: Shape
  /** Number of elements that were compared. */
  readonly checked: number
  /**
   * Number of elements that were left out, as finite differences do not give the slope there: the loss has a kink nearby, such as
   * that of ReLU, or the slope is smaller than the rounding of the loss.
   */
  readonly kinks: number
  /**
   * Largest relative error: the difference between gradient and finite difference, divided by the largest of the two and of the
   * root mean square of the parameter's gradient.
   */
  readonly largestError: number
  /** The element with the largest error (row-major index), its gradient and its finite difference. */
  readonly worst: { readonly index: number; readonly gradient: number; readonly difference: number } | undefined
  /** Whether `largestError` is within the tolerance. */
  readonly agrees: boolean
}

/** How many elements of each parameter to compare, and the largest error that counts as agreement. */
export interface Comparison {
  readonly samples: number
  readonly tolerance: number
}

/** Smaller slopes count as 0. */
const leastScale = 1e-6

/** Compares gradients, one array for each parameter, with finite differences of the loss. The weights are unchanged afterwards. */
export async function compareGradients(
  probe: Probe,
  gradients: readonly Float32Array[],
  comparison: Comparison,
): Promise<ParameterCheck[]> {
  const checks: ParameterCheck[] = []
  for (const [index, { name, shape }] of probe.model.parameters.entries()) {
    if (!probe.trains[index]) continue
    checks.push({
      name,
      shape,
      ...(await compareParameter(probe, index, gradients[index] as Float32Array, comparison)),
    })
  }
  return checks
}

async function compareParameter(
  probe: Probe,
  index: number,
  gradient: Float32Array,
  { samples, tolerance }: Comparison,
): Promise<Omit<ParameterCheck, 'name' | 'shape'>> {
  const values = probe.model.getParameter(index)
  const scale = Math.max(rootMeanSquare(gradient), leastScale)
  let [checked, kinks, largestError] = [0, 0, 0]
  let worst: ParameterCheck['worst']
  for (const i of chooseElements(gradient, samples)) {
    const difference = await slopeAt(async (distance) => {
      const moved = values.slice()
      moved[i] = (values[i] as number) + distance
      probe.model.setParameter(index, moved)
      return { distance: (moved[i] as number) - (values[i] as number), value: await probe.loss() }
    }, scale)
    if (difference === undefined) {
      kinks++
      continue
    }
    checked++
    const own = gradient[i] as number
    const error = Math.abs(own - difference) / Math.max(Math.abs(own), Math.abs(difference), scale)
    if (error < largestError && worst !== undefined) continue
    largestError = error
    worst = { index: i, gradient: own, difference }
  }
  probe.model.setParameter(index, values)
  return { checked, kinks, largestError, worst, agrees: largestError <= tolerance }
}

/** Chooses the elements to compare: a quarter have the largest gradients, where errors matter most, the others are spaced evenly. */
function chooseElements(gradient: Float32Array, samples: number): ReadonlySet<number> {
  const count = Math.min(samples, gradient.length)
  const bySize = Array.from(gradient.keys()).sort(
    (a, b) => Math.abs(gradient[b] as number) - Math.abs(gradient[a] as number),
  )
  const chosen = new Set(bySize.slice(0, Math.ceil(count / 4)))
  const rest = Array.from(gradient.keys()).filter((i) => !chosen.has(i))
  const others = count - chosen.size
  for (let n = 0; n < others; n++) chosen.add(rest[Math.floor(((n + 0.5) * rest.length) / others)] as number)
  return chosen
}

function rootMeanSquare(values: Float32Array): number {
  return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length)
}
