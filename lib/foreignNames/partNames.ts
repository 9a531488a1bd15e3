/** Names of losses, metrics, optimizers, schedules, activations, initializers, regularizers and constraints in other frameworks. */

import { is, no, type Rows } from './rows.js'

const native = 'optimizers are native code; docs/add-an-op.md says how to add one'

export const lossRows: Rows = [
  [
    'softmaxcrossentropy crossentropyloss categoricalcrossentropywithlogits',
    is('losses.categoricalCrossentropy({ fromLogits: true })'),
  ],
  ['sparsesoftmaxcrossentropy*', is('losses.sparseCategoricalCrossentropy({ fromLogits: true })')],
  [
    'sigmoidcrossentropy bcewithlogits bcewithlogitsloss binarycrossentropywithlogits multilabelsoftmarginloss',
    is('losses.binaryCrossentropy({ fromLogits: true })'),
  ],
  ['softmarginloss', is('losses.binaryCrossentropy({ fromLogits: true }), with targets of 0 and 1')],
  ['crossentropy ce', is("'categoricalCrossentropy', 'sparseCategoricalCrossentropy' or 'binaryCrossentropy'")],
  ['logloss bceloss binarycrossentropyloss', is("'binaryCrossentropy'")],
  [
    'nllloss nll negativeloglikelihood',
    is("'sparseCategoricalCrossentropy', which takes the softmax where PyTorch takes its logarithm"),
  ],
  ['absolutedifference l1loss l1', is("'meanAbsoluteError'")],
  ['mseloss l2loss l2 quadratic', is("'meanSquaredError'")],
  ['rmse rootmeansquarederror', is("'meanSquaredError', which is smallest at the same weights")],
  ['huberloss', is("'huber'")],
  ['smoothl1loss smoothl1', is("'huber', times beta where that is not 1: losses.huber({ delta })")],
  ['hingeloss', is("'hinge'")],
  ['cosinedistance cosineproximity', is("'cosineSimilarity', the negative cosine")],
  [
    'kldivloss kldiv kullbackleiblerdivergence',
    is("'klDivergence', which takes probabilities where PyTorch takes their logarithms"),
  ],
  ['poissonnllloss', is("'poisson', which takes outputs above 0 where PyTorch takes their logarithms")],
  ['focalloss focal sigmoidfocalloss', is("'binaryFocalCrossentropy' or 'categoricalFocalCrossentropy'")],
  ['gaussiannllloss multimarginloss multilabelmarginloss linearcrossentropy', no('losses.custom can compute it')],
  ['adaptivelogsoftmaxwithloss', no('a loss has no weights; a softmax over all classes is layers.softmax()')],
  ['ctc ctcloss', no('all rows have the same length')],
  [
    'circle dice diceloss tversky tverskyloss contrastive* triplet* marginrankingloss hingeembeddingloss cosineembeddingloss',
    no('a loss is computed for each row, and this one for pairs of rows or for a whole batch'),
  ],
  ['computeweightedloss', is('sampleWeight of fit, and reduction of the loss')],
  ['reduction', is("the option reduction: 'mean', 'sum' or 'meanWithSampleWeight'")],
  ['loss lossfunctionwrapper', is('losses.custom({ name, compute })')],
  ['accuracy acc', no("it has no derivative; compile({ metrics: ['accuracy'] }) shows it")],
]

export const metricRows: Rows = [
  ['accuracy', is("metrics.exactAccuracy for Keras' class Accuracy, metrics.accuracy for the name 'accuracy'")],
  ['meaniou onehotiou onehotmeaniou', is('metrics.iou({ numClasses })')],
  ['logcosherror', is('metrics.logCosh')],
  ['metric meanmetricwrapper reductionmetric', is('metrics.custom({ name, rows })')],
  ['cosineproximity', is('metrics.cosineSimilarity')],
  ['pearsoncorrcoef pearsonr', is('metrics.pearsonCorrelation')],
  ['concordancecorrcoef', is('metrics.concordanceCorrelation')],
  ['kullbackleiblerdivergence', is('metrics.klDivergence')],
  ['f1 fscore', is('metrics.f1Score')],
  ['rocauc aucroc auroc roc rocaucscore', is('metrics.auc')],
  ['prauc aucpr auprc averageprecision ap', is("metrics.auc({ curve: 'PR' })")],
  ['sensitivity tpr', is('metrics.recall')],
  ['specificity tnr', is('metrics.custom({ name, state }), or the counts of evaluate(x, y, { perClass: true })')],
  ['topk topkaccuracy top5 top5accuracy topkcategorical', is('metrics.topKCategoricalAccuracy({ k: 5 })')],
  ['confusionmatrix classificationreport', is('evaluate(x, y, { perClass: true })')],
  ['crossentropy ce', is("'categoricalCrossentropy', 'sparseCategoricalCrossentropy' or 'binaryCrossentropy'")],
  ['bceloss', is("'binaryCrossentropy'")],
  ['mseloss', is("'mse'")],
  ['l1loss', is("'mae'")],
  ['jaccard*', is('metrics.iou({ numClasses })')],
  [
    'explainedvariance matthewscorrcoef mcc cohenkappa balancedaccuracy meanrelativeerror',
    no('metrics.custom can compute it'),
  ],
  ['loss valloss', no('the logs always include the loss')],
]

export const optimizerRows: Rows = [
  ['momentum sgdmomentum momentumoptimizer', is('optimizers.sgd({ learningRate, momentum })')],
  ['nesterov nag', is('optimizers.sgd({ learningRate, momentum, nesterov: true })')],
  ['gradientdescent* stochasticgradientdescent', is('optimizers.sgd')],
  ['lossscaleoptimizer', no('sums, weights and updates are float32 at any precision, so no loss scaling is needed')],
  ['sparseadam', is('optimizers.lazyAdam')],
  ['multioptimizer optimizermap', no('a model has one optimizer')],
  ['optimizer custom', no(native)],
  ['adafactor lamb muon schedulefree* radam asgd rprop lbfgs adabelief yogi sgdw lookahead ranger lars', no(native)],
]

export const scheduleRows: Rows = [
  [
    'learningrateschedule lrscheduler lambdalr multiplicativelr custom',
    is('learningRate, which can be a function from the step to the rate'),
  ],
  ['steplr', is('schedules.exponentialDecay({ staircase: true, … }), with decaySteps in steps of the optimizer')],
  ['multisteplr constantlr piecewiseconstant', is('schedules.piecewiseConstantDecay')],
  ['linearlr polynomiallr lineardecay', is('schedules.polynomialDecay')],
  ['exponentiallr', is('schedules.exponentialDecay')],
  ['cosineannealinglr cosine cosineannealing', is('schedules.cosineDecay')],
  ['cosineannealingwarmrestarts', is('schedules.cosineDecayRestarts')],
  ['onecyclelr', is('schedules.oneCycle')],
  ['cycliclr chainedscheduler sequentiallr warmup', no('learningRate can be a function from the step to the rate')],
  ['reducelronplateau', is('callbacks.reduceLROnPlateau')],
]

export const activationRows: Rows = [
  ['glu sparsemax', no('it is neither pointwise nor a softmax')],
  ['gelunew geluapproximate gelutanh', is('activations.gelu({ approximate: true })')],
  ['identity none', is("'linear'")],
  ['logistic', is("'sigmoid'")],
  ['rectifier rectified', is("'relu'")],
  ['thresholdedrelu', is('activations.relu({ threshold })')],
  ['cappedrelu clippedrelu', is('activations.relu({ maxValue })')],
  ['threshold', is('activations.threshold({ threshold, defaultValue }): it has no defaults')],
  ['prelu parametricrelu', is('layers.prelu(): its slope is learned, so it is a layer')],
  ['softmax2d', is('layers.softmax({ axis })')],
  [
    'rrelu softmin gumbelsoftmax multiheadattention sine sin gaussian',
    no('layers.activation takes the activations that activations.* lists'),
  ],
]

export const initializerRows: Rows = [
  ['xavieruniform xavier glorot', is('initializers.glorotUniform')],
  ['xaviernormal', is('initializers.glorotNormal')],
  ['kaiminguniform kaiming he', is('initializers.heUniform')],
  ['kaimingnormal', is('initializers.heNormal')],
  ['lecun', is('initializers.lecunNormal')],
  ['uniform', is('initializers.randomUniform')],
  ['normal gaussian', is('initializers.randomNormal')],
  ['truncnormal', is('initializers.truncatedNormal')],
  ['zero', is("'zeros'")],
  ['one', is("'ones'")],
  ['orthogonalinitializer', is('initializers.orthogonal')],
  ['identity identityinitializer eye dirac sparse', no('layer.setWeights takes any matrix')],
  ['stft stftinitializer', no('sound becomes numbers before training')],
  ['initializer custom', no('initializers are native code; layer.setWeights takes any values')],
]

/** Regularizers and constraints. */
export const ruleRows: Rows = [
  ['orthogonalregularizer', is('regularizers.orthogonal')],
  ['elasticnet l1andl2', is('regularizers.l1l2')],
  ['weightdecay', is('weightDecay of an optimizer, or regularizers.l2')],
  ['clipping clip', is('clipNorm or clipValue of an optimizer')],
  ['nonnegative', is('constraints.nonNeg')],
  ['maxnormconstraint', is('constraints.maxNorm')],
  ['radialconstraint', no('it constrains kernels of convolutions')],
  ['regularizer', no('regularizers are native code; a loss can be written in JavaScript: losses.custom')],
  ['constraint', no('constraints are native code; a callback can set weights between epochs')],
]
