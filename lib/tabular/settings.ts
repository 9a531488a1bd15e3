/** What a model of a table is made of. */

import type { DeviceName } from '../core/devices.js'
import type { DataParallel } from '../distribution/dataParallel.js'
import type { Activation, ActivationName } from '../layers/activations.js'
import type { Functional } from '../models/functional.js'
import { type Optimizer, type OptimizerName, optimizers } from '../training/optimizers.js'
import type { FeatureSpace } from './featureSpace.js'
import type { LeftOut } from './guess.js'
import type { Layout } from './layout.js'
import type { Target, Task } from './target.js'

/** The settings of a model, checked. */
export interface TabularSettings {
  readonly target: string
  readonly features: FeatureSpace | undefined
  readonly task: Task | undefined
  readonly hidden: readonly number[]
  readonly activation: ActivationName | Activation
  readonly dropout: number
  readonly optimizer: OptimizerName | Optimizer | undefined
  readonly logTarget: boolean | undefined
  readonly fillGaps: boolean
  readonly markGaps: boolean
  readonly seed: number
  readonly device: DeviceName | undefined
  readonly threads: number | undefined
  readonly distribution: DataParallel | undefined
}

/** What a model has once it has seen rows. */
export interface Learned {
  readonly features: FeatureSpace
  readonly target: Target
  readonly layout: Layout
  readonly network: Functional
  readonly leftOut: readonly LeftOut[]
  /** How many rows it learned from. */
  readonly rows: number
}

/** The optimizer of models of tables, unless they are given another: AdamW. */
export function tableOptimizer(learningRate = 0.003): Optimizer {
  return optimizers.adamw({ learningRate, weightDecay: 0.1 })
}
