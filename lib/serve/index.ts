/** `neurode/serve`: inference for servers. */

export {
  attachPredictor,
  type PredictInput,
  type PredictInputs,
  type PredictIntoOptions,
  Predictor,
  type PredictorOptions,
  type PredictorToken,
} from '../inference/predictor.js'
export { Batcher, batcher } from './batching/batcher.js'
export type { BatcherOptions, RunOptions } from './batching/batcherOptions.js'
export type { BatcherStats } from './batching/batchStats.js'
export { type FastifyApplication, servePlugin } from './http/plugin.js'
export type { ServePluginOptions } from './http/serving.js'
export type { NamedTensor, TensorSpec } from './protocol/tensorSpec.js'
export {
  formatInferResponse,
  formatPredictResponse,
  type InferResponse,
  type ModelIdentity,
  parseInferRequest,
  parsePredictRequest,
  type RequestedOutput,
  type TensorRequest,
} from './protocol/tensors.js'
export type { ServedModels, ServeEvent } from './repository/repository.js'
export type { ServingOptions } from './repository/servedModel.js'
export { type InferenceServer, type ServeOptions, serve } from './server/server.js'
