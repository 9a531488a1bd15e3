/** Cliffs of gradients: steps whose gradients go through JavaScript, beside steps that native code takes on its own. */

import { array } from 'neurode'
import { type Cliff, calls, type Turn } from './cliff.js'
import { compiled, net, numbers } from './models.js'

const sizes = [784, 100, 50, 10]
const rows = 128
const x = () => array(numbers(rows * 784), [rows, 784])
const y = () => Float32Array.from({ length: rows }, (_, i) => i % 10)

type Model = ReturnType<typeof compiled>

function againstStep(timed: string, goal: number, open: (model: Model) => Promise<Turn> | Turn): Cliff {
  return {
    name: `${timed} ${rows} x ${sizes.join('-')}`,
    timed,
    reference: 'model.trainOnBatch',
    goal,
    async open(threads) {
      const model = compiled(net(sizes), threads)
      const [rowsIn, targets] = [x(), y()]
      return {
        timed: await open(compiled(net(sizes), threads)),
        reference: calls(() => model.trainOnBatch(rowsIn, targets)),
      }
    },
  }
}

function step(): Cliff {
  return againstStep('valueAndGradients, applyGradients', 1.5, (model) => {
    const [rowsIn, targets] = [x(), y()]
    return calls(async () => {
      const { gradients } = await model.valueAndGradients(rowsIn, targets)
      await model.applyGradients(gradients)
    })
  })
}

function stepInto(): Cliff {
  return againstStep('valueAndGradients with out, applyGradients', 1.5, async (model) => {
    const [rowsIn, targets] = [x(), y()]
    const first = await model.valueAndGradients(rowsIn, targets)
    const into = Object.entries(first.gradients).map(([name, { data }]) => [name, data] as const)
    const out = { gradients: Object.fromEntries(into) }
    return calls(async () => {
      const { gradients } = await model.valueAndGradients(rowsIn, targets, { out })
      await model.applyGradients(gradients)
    })
  })
}

/** The gradients are there before, so that the time of whoever computes them does not count. */
function stepByOutputs(): Cliff {
  return againstStep('trainWithOutputGradients', 1.3, (model) => {
    const rowsIn = x()
    const gradients = array(new Float32Array(rows * 10).fill(1e-6), [rows, 10])
    return calls(() => model.trainWithOutputGradients(rowsIn, () => gradients))
  })
}

export const gradients: readonly Cliff[] = [step(), stepInto(), stepByOutputs()]
