/** `neurode/serve`: inference for servers. */

export { Batcher, type BatcherOptions, batcher, type RunOptions } from './batcher.js'
export type { BatcherStats } from './batchStats.js'
export {
  attachPredictor,
  type PredictInput,
  type PredictIntoOptions,
  Predictor,
  type PredictorOptions,
  type PredictorToken,
} from './predictor.js'
export {
  formatInferResponse,
  formatPredictResponse,
  type InferResponse,
  type ModelIdentity,
  parseInferRequest,
  parsePredictRequest,
  type TensorRequest,
  type TensorSpec,
} from './tensors.js'
