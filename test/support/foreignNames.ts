/** Public names of TensorFlow.js and PyTorch, by the kind that they have in Neurode. */

import * as others from '#lib/foreignNames/layerNames.js'
import { optionRows } from '#lib/foreignNames/optionNames.js'
import * as parts from '#lib/foreignNames/partNames.js'
import type { Rows } from '#lib/foreignNames/rows.js'

/** All answers that Neurode gives to names of other libraries. */
export function answersTo(): string[] {
  const tables = [
    ...Object.values(parts),
    others.layerRows,
    others.callbackRows,
    others.hookRows,
    ...Object.values(others.objectRows),
    optionRows,
  ]
  return tables.flatMap((rows) => (rows as Rows).map(([, answer]) => answer))
}

const pools = (name: string) => [1, 2, 3].map((n) => `${name}${n}d`).join(' ')

export const foreign: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'TensorFlow.js': {
    layers: `leakyReLU elu prelu softmax thresholdedReLU conv1d conv2d conv2dTranspose conv3d conv3dTranspose separableConv2d cropping2D
      upSampling2d depthwiseConv2d activation dense dropout spatialDropout1d flatten repeatVector reshape permute embedding add average
      concatenate maximum minimum multiply dot batchNormalization layerNormalization zeroPadding2d averagePooling1d avgPool1d avgPooling1d
      averagePooling2d avgPool2d avgPooling2d averagePooling3d avgPool3d avgPooling3d globalAveragePooling1d globalAveragePooling2d
      globalMaxPooling1d globalMaxPooling2d maxPooling1d maxPooling2d maxPooling3d gru gruCell lstm lstmCell simpleRNN simpleRNNCell
      convLstm2d convLstm2dCell rnn stackedRNNCells bidirectional timeDistributed globalMaxPool1d globalMaxPool2d maxPool1d maxPool2d
      Layer RNN RNNCell input inputLayer gaussianNoise gaussianDropout alphaDropout masking rescaling centerCrop resizing
      categoryEncoding randomWidth reLU`,
    losses: `absoluteDifference computeWeightedLoss cosineDistance hingeLoss huberLoss logLoss meanSquaredError sigmoidCrossEntropy
      softmaxCrossEntropy Reduction meanAbsoluteError meanAbsolutePercentageError meanSquaredLogarithmicError squaredHinge hinge
      categoricalHinge logcosh categoricalCrossentropy sparseCategoricalCrossentropy binaryCrossentropy kullbackLeiblerDivergence poisson
      cosineProximity`,
    metrics: `binaryAccuracy binaryCrossentropy categoricalAccuracy categoricalCrossentropy cosineProximity meanAbsoluteError
      meanAbsolutePercentageError meanSquaredError precision r2Score recall sparseCategoricalAccuracy`,
    optimizers: 'sgd momentum adadelta adagrad rmsprop adamax adam',
    initializers: `constant glorotNormal glorotUniform heNormal heUniform identity leCunNormal leCunUniform ones orthogonal randomNormal
      randomUniform truncatedNormal varianceScaling zeros Initializer`,
    regularizers: 'l1 l1l2 l2',
    constraints: 'maxNorm minMaxNorm nonNeg unitNorm',
    callbacks: 'earlyStopping CustomCallback History',
    activations:
      'elu hardSigmoid linear relu relu6 selu sigmoid softmax softplus softsign tanh swish mish gelu gelu_new',
  },
  PyTorch: {
    layers: `Linear LazyLinear Bilinear Identity Flatten Unflatten Fold Unfold ${pools('Conv')} ${pools('ConvTranspose')}
      ${pools('LazyConv')} ${pools('LazyConvTranspose')} ${pools('MaxPool')} ${pools('MaxUnpool')} ${pools('AvgPool')}
      FractionalMaxPool2d FractionalMaxPool3d ${pools('LPPool')} ${pools('AdaptiveMaxPool')} ${pools('AdaptiveAvgPool')}
      ${pools('ReflectionPad')} ${pools('ReplicationPad')} ${pools('ZeroPad')} ${pools('ConstantPad')} ${pools('CircularPad')}
      ${pools('BatchNorm')} ${pools('LazyBatchNorm')} ${pools('InstanceNorm')} ${pools('LazyInstanceNorm')} SyncBatchNorm GroupNorm
      LayerNorm LocalResponseNorm RMSNorm CrossMapLRN2d RNN LSTM GRU RNNCell LSTMCell GRUCell RNNBase Transformer TransformerEncoder
      TransformerDecoder TransformerEncoderLayer TransformerDecoderLayer MultiheadAttention Dropout ${pools('Dropout')} AlphaDropout
      FeatureAlphaDropout Embedding EmbeddingBag CosineSimilarity PairwiseDistance PixelShuffle PixelUnshuffle ChannelShuffle Upsample
      UpsamplingNearest2d UpsamplingBilinear2d Sequential ModuleList ModuleDict ParameterList ParameterDict Module ELU Hardshrink
      Hardsigmoid Hardtanh Hardswish LeakyReLU LogSigmoid PReLU ReLU ReLU6 RReLU SELU CELU GELU Sigmoid SiLU Mish Softplus Softshrink
      Softsign Tanh Tanhshrink Threshold GLU Softmin Softmax Softmax2d LogSoftmax CrossEntropyLoss MSELoss`,
    losses: `L1Loss MSELoss CrossEntropyLoss CTCLoss NLLLoss PoissonNLLLoss GaussianNLLLoss KLDivLoss BCELoss BCEWithLogitsLoss
      MarginRankingLoss HingeEmbeddingLoss MultiLabelMarginLoss HuberLoss SmoothL1Loss SoftMarginLoss MultiLabelSoftMarginLoss
      CosineEmbeddingLoss MultiMarginLoss TripletMarginLoss TripletMarginWithDistanceLoss AdaptiveLogSoftmaxWithLoss
      cross_entropy mse_loss nll_loss l1_loss smooth_l1_loss huber_loss kl_div poisson_nll_loss
      gaussian_nll_loss hinge_embedding_loss margin_ranking_loss soft_margin_loss multi_margin_loss triplet_margin_loss ctc_loss
      cosine_embedding_loss binary_cross_entropy binary_cross_entropy_with_logits`,
    activations: `threshold relu hardtanh hardswish relu6 elu selu celu leaky_relu prelu rrelu glu gelu logsigmoid hardshrink tanhshrink
      softsign softplus softmin softmax softshrink gumbel_softmax log_softmax tanh sigmoid hardsigmoid silu mish Identity Softmax2d`,
    optimizers: `Adadelta Adafactor Adagrad Adam AdamW SparseAdam Adamax ASGD LBFGS NAdam RAdam RMSprop Rprop SGD Muon Optimizer`,
    schedules: `LRScheduler LambdaLR MultiplicativeLR StepLR MultiStepLR ConstantLR LinearLR ExponentialLR PolynomialLR CosineAnnealingLR
      ChainedScheduler SequentialLR ReduceLROnPlateau CyclicLR OneCycleLR CosineAnnealingWarmRestarts`,
    initializers: `uniform_ normal_ constant_ ones_ zeros_ eye_ dirac_ xavier_uniform_ xavier_normal_ kaiming_uniform_ kaiming_normal_
      trunc_normal_ orthogonal_ sparse_`,
    metrics: `MeanSquaredError MeanAbsoluteError Accuracy Precision Recall F1Score FBetaScore AUROC AveragePrecision ConfusionMatrix
      JaccardIndex CohenKappa MatthewsCorrCoef R2Score PearsonCorrCoef ConcordanceCorrCoef Specificity ExplainedVariance`,
  },
}
