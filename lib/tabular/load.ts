/** Loads models from files, those of tables among them. */

import { refuseMore } from '../checks/arity.js'
import type { Functional } from '../models/functional.js'
import { type LoadOptions, loadFile } from '../models/load.js'
import type { AnyModel } from '../models/model.js'
import type { Sequential } from '../models/sequential.js'
import type { TabularModel } from './types.js'

/**
 * Loads a model that {@link Sequential.save} wrote, with its weights, the optimizer's variables and its training position, or one of other
 * software, told by its content: of Keras a `.keras` file, also unpacked in a folder, or a `.h5` file of any version; a layers model of
 * TensorFlow.js, by its `model.json` or its folder; an ONNX model, also with its data beside it. What the file holds and the model does not is
 * the warning `NEURODE_NOT_READ`. The model is compiled if it was compiled when it was saved. Results contain the keys of its metrics, but
 * the TypeScript type does not list them.
 * The model is of the class that it had, which {@link Model.kind} tells: a graph is loaded with `load<Functional>(path)`, or as a model
 * like another one with `load<typeof net>(path)`; where either may come, `load<Sequential | Functional>(path)`.
 *
 * A model of a table comes back as a {@link TabularModel}, with `load<TabularModel>(path)`.
 *
 * @throws NeurodeError `ERR_FILE_NOT_FOUND`; `ERR_FILE_FORMAT` if any byte of the file was changed, or if it is no model file.
 *
 * @example
 * ```ts
 * import { layers, load, sequential } from 'neurode'
 *
 * await sequential([layers.dense({ units: 1, inputShape: [2] })]).save('example.neurode')
 * const model = await load('example.neurode')
 * ```
 */
export function load<Loaded extends AnyModel | TabularModel = Sequential>(
  path: string | URL,
  given?: LoadOptions,
): Promise<Loaded>
export async function load(
  path: string | URL,
  given?: LoadOptions,
  ...more: unknown[]
): Promise<Sequential | Functional | TabularModel> {
  refuseMore(more, 2, 'load')
  const { file, model } = await loadFile(path, given)
  if (file.description.tabular === undefined) return model
  const { tabularFrom } = await import('./tabularFrom.js')
  return tabularFrom(file, model)
}
