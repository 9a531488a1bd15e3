/** The model of a table that a file holds. */

import { refuse } from '../checks/validate.js'
import { Functional } from '../models/functional.js'
import type { Sequential } from '../models/sequential.js'
import { type ModelFile, sensible } from '../persistence/modelFile.js'
import { readTabular } from './description.js'
import { Layout } from './layout.js'
import { TableNetwork } from './tableNetwork.js'

/** Makes the model of a file whose layers were loaded. If the file makes no sense, the layers are disposed of. */
export function tabularFrom(file: ModelFile, network: Sequential | Functional): TableNetwork {
  try {
    return sensible(file.path, () => {
      const { target, features, leftOut, rows, ...settings } = readTabular(file.description.tabular ?? null)
      const layout = new Layout(features, settings)
      if (!(network instanceof Functional)) return refuse('tabular', 'a graph beside it', network)
      layout.checkInputs(network, target.classes?.length ?? 1)
      const unused = {
        task: target.task,
        hidden: [],
        activation: 'relu',
        dropout: 0,
        optimizer: undefined,
        logTarget: false,
      } as const
      return new TableNetwork(
        {
          target: target.name,
          features,
          ...settings,
          ...unused,
          device: undefined,
          threads: undefined,
          distribution: undefined,
        },
        { features, target, layout, network, leftOut, rows },
      )
    })
  } catch (error) {
    network.dispose()
    throw error
  }
}
