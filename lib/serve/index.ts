/** `neurode/serve`: inference for servers. */

export { Batcher, type BatcherOptions, batcher, type RunOptions } from './batcher.js'
export type { BatcherStats } from './batchStats.js'
export { type FastifyApplication, servePlugin } from './plugin.js'
export {
  attachPredictor,
  type PredictInput,
  type PredictIntoOptions,
  Predictor,
  type PredictorOptions,
  type PredictorToken,
} from './predictor.js'
export type { ServedModels, ServeEvent } from './repository.js'
export type { ServingOptions } from './servedModel.js'
export { type InferenceServer, type ServeOptions, serve } from './server.js'
export type { ServePluginOptions } from './serving.js'
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
