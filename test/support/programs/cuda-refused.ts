/**
 * Makes a model that does not fit on 'cuda' on the main thread, then predicts there with a small model. Prints the error code
 * and the outputs.
 */

import { layers, NeurodeError, sequential } from 'neurode'

using wide = sequential([layers.dense({ units: 3000, inputShape: [3000] })])
let code: string | undefined
try {
  wide.compile({ loss: 'mse', device: 'cuda' })
  wide.predictSync([new Array(3000).fill(0)])
} catch (error) {
  if (!(error instanceof NeurodeError)) throw error
  code = error.code
}
using small = sequential([layers.dense({ units: 7, activation: 'softmax', inputShape: [30] })])
small.compile({ loss: 'categoricalCrossentropy', device: 'cuda' })
console.log(JSON.stringify({ code, outputs: small.predictSync([new Array(30).fill(0)]).data.length }))
