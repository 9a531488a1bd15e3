/** A worker thread that uses a predictor of another thread. */

import { parentPort, workerData } from 'node:worker_threads'
import { attachPredictor, type PredictorToken } from 'neurode/serve'

const { token, x } = workerData as { token: PredictorToken; x: Float32Array }
using predictor = attachPredictor(token)
parentPort?.postMessage(await predictor.predict(x))
