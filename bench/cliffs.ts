/** Measures what is off the beaten path, in ratios to what it ought to cost: one row for each cliff of `cliffs/`. */

import { integerOption, type ParsedArguments } from '#lib/cli/options.js'
import type { Cliff, Sides } from './cliffs/cliff.js'
import { fewRows } from './cliffs/fewRows.js'
import { fits } from './cliffs/fits.js'
import { gradients } from './cliffs/gradients.js'
import { ofMetrics } from './cliffs/metrics.js'
import { quickWork } from './cliffs/quickWork.js'
import { training } from './cliffs/training.js'
import { median, type Row, round } from './report.js'
import { threadsOption } from './setup.js'

const cliffsByKind: readonly (readonly Cliff[])[] = [fewRows, quickWork, gradients, training, fits, ofMetrics]

export async function* cliffs(args: ParsedArguments): AsyncGenerator<Row> {
  const threads = threadsOption(args)
  const turns = integerOption(args, 'rounds', 1) ?? 7
  for (const cliff of cliffsByKind.flat()) {
    const sides = await cliff.open(threads)
    if (sides === undefined) continue
    const ratios: number[] = []
    const times = { timed: [] as number[], reference: [] as number[] }
    for (let turn = 0; turn < turns; turn++) {
      const { timed, reference } = await takeTurn(sides, turn)
      times.timed.push(timed)
      times.reference.push(reference)
      ratios.push(timed / reference)
    }
    sides.close?.()
    yield {
      bench: 'cliffs',
      name: cliff.name,
      timed: cliff.timed,
      reference: cliff.reference,
      threads,
      microseconds: round(1e6 * median(times.timed)),
      referenceMicroseconds: round(1e6 * median(times.reference)),
      ratio: round(median(ratios)),
      goal: cliff.goal,
    }
  }
}

/** Both sides, one after the other; each begins in every other turn. */
async function takeTurn(sides: Sides, turn: number): Promise<{ timed: number; reference: number }> {
  if (turn % 2 === 0) return { timed: await sides.timed(), reference: await sides.reference() }
  const reference = await sides.reference()
  return { timed: await sides.timed(), reference }
}
