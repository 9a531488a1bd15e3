/** Which parameters the training by a Plan changes. */

import { isParameter } from '../core/planLayers.js'
import type { Plan, PlanLayer } from '../native/plan.js'

/**
 * The names (`layer/parameter`) of the parameters that have a gradient: a loss or a penalty depends on them, and their layer is not
 * frozen. Statistics are among them where the layer has any.
 */
export function learnedParameters({ layers, output = layers.length, training }: Plan): ReadonlySet<string> {
  const reached = new Set<number>()
  const ways: number[] = []
  for (const { value = output, loss } of training?.heads ?? []) if (loss !== undefined) ways.push(value)
  layers.forEach(({ kind }, i) => {
    if (kind === 'activityPenalty') ways.push(i + 1)
  })
  for (let value = ways.pop(); value !== undefined; value = ways.pop()) {
    if (value === 0 || reached.has(value)) continue
    reached.add(value)
    ways.push(...((layers[value - 1] as PlanLayer).from ?? [value - 1]))
  }
  const learned = new Set<string>()
  layers.forEach((layer, i) => {
    if (layer.trainable === false) return
    for (const [key, member] of Object.entries(layer) as [string, unknown][]) {
      if (!isParameter(member) || !(reached.has(i + 1) || member.regularizer !== undefined)) continue
      learned.add(`${layer.name}/${member.name ?? key}`)
    }
  })
  return learned
}
