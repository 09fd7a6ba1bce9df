// The guided experiments: runs to begin, what to look for in them, and the tutorial that explains it.
//
// What the texts say is in `holds`, which a test checks with several seeds: it gets the `outcome` (trainer.js) of each
// run, in order. A net that has diverged has the accuracy null, which is less than any number above 0.
'use strict';

const TUTORIALS = {
  '02_lenet_on_mnist': 'LeNet on MNIST',
  '05_deep_nets': 'Deep nets',
  '09_the_papers_figure': 'The paper’s figure',
  '11_how_far_can_you_turn_the_knobs': 'How far can you turn the knobs?',
};

const EXPERIMENTS = [
  {
    name: 'paper', title: 'The network of the paper', tutorial: '09_the_papers_figure',
    question: 'Three layers of 100 sigmoids, batches of 60: the network of Figure 1 in Ioffe and Szegedy (2015). What does batch norm change?',
    runs: [{label: 'Train both', steps: 500, settings: {}}],
    look: ['With batch norm, more than 80 % of the held-out digits are right after 500 steps. Without it, fewer than 40 %: that network has hardly begun.',
           'The gradient of the first layer is less than a third as large without batch norm.',
           'The percentiles of the activation inputs. Without batch norm they are less than half as far apart: all digits look much the same to a unit of the last layer.'],
    holds: ([run]) => run.stored > 0.8 && run.without < 0.4 && run.gradients[1][0] < run.gradients[0][0] / 3 &&
      run.spreads[1] < run.spreads[0] / 2,
  },
  {
    name: 'rate', title: 'Raise the learning rate until one of them dies', tutorial: '11_how_far_can_you_turn_the_knobs',
    question: 'Three layers of ReLU. Begin with the first rate, then take the next one. Then move the slider while they train.',
    runs: [{label: 'Rate 0.1', steps: 300, settings: {activation: 'relu', lr: 0.1}},
           {label: 'Rate 3', steps: 300, settings: {activation: 'relu', lr: 3}},
           {label: 'Rate 10', steps: 300, settings: {activation: 'relu', lr: 10}}],
    look: ['At 0.1 both learn: more than 80 % are right.', 'At 3 the network without batch norm dies: its loss stops being a finite number, or it goes on and only guesses. The other one still reaches more than 80 %.',
           'At 10 batch norm does not help any more: fewer than 50 % are right.'],
    holds: ([low, high, highest]) => low.stored > 0.8 && low.without > 0.8 && high.without < 0.2 && high.stored > 0.8 &&
      highest.without < 0.2 && highest.stored < 0.5,
  },
  {
    name: 'scale', title: 'Initial weights of any size', tutorial: '11_how_far_can_you_turn_the_knobs',
    question: 'The same network of ReLU, from weights that are too small, about right, and too large.',
    runs: [{label: 'Scale 0.001', steps: 300, settings: {activation: 'relu', lr: 0.3, scale: 0.001}},
           {label: 'Scale 0.1', steps: 300, settings: {activation: 'relu', lr: 0.3, scale: 0.1}},
           {label: 'Scale 1', steps: 300, settings: {activation: 'relu', lr: 0.3, scale: 1}}],
    look: ['Without batch norm the network only learns from the middle scale. From 0.001 it still guesses after 300 steps; from 1 it diverges, or guesses for good.',
           'With batch norm it learns from all three, from the largest more slowly.'],
    holds: ([small, middle, large]) => small.without < 0.2 && small.stored > 0.8 && middle.without > 0.8 && middle.stored > 0.8 &&
      large.without < 0.2 && large.stored > 0.6 && large.stored < middle.stored,
  },
  {
    name: 'deep', title: 'Twenty sigmoid layers', tutorial: '05_deep_nets',
    question: 'Twenty hidden layers of 50 sigmoids. A sigmoid passes at most a quarter of its gradient on.',
    runs: [{label: 'Train both', steps: 400, settings: {depth: 20, width: 50, layer: 20}}],
    look: ['Without batch norm the network guesses: fewer than 20 % are right. With it, more than 70 %.',
           'The gradient by layer: without batch norm the first layer gets less than a millionth of what the last one gets. With batch norm it gets more than a twentieth of it.'],
    holds: ([run]) => run.without < 0.2 && run.stored > 0.7 &&
      run.gradients[1][0] < run.gradients[1][20] / 1e6 && run.gradients[0][0] > run.gradients[0][20] / 20,
  },
  {
    name: 'two', title: 'Batches of 2', tutorial: '11_how_far_can_you_turn_the_knobs',
    question: 'The same learning rate, two sizes of batches. A mean over two digits is a poor estimate of the mean over all. Here batch norm does harm.',
    runs: [{label: 'Batches of 2', steps: 1500, settings: {activation: 'relu', lr: 0.01, batch: 2}},
           {label: 'Batches of 60', steps: 500, settings: {activation: 'relu', lr: 0.01, batch: 60}}],
    look: ['With batches of 2, the network without batch norm is far ahead: more than 75 % against fewer than 60 %.',
           'With batches of 60 it is the other way round.',
           'The histogram of one unit’s activation inputs. In a batch of 2 the normalised values are almost always 1 and −1, however different the two digits are. The bars stand a little beside that, because gamma and beta are learned, too.'],
    holds: ([two, sixty]) => two.without > 0.75 && two.stored < 0.6 && two.batch < 0.6 && sixty.stored > sixty.without &&
      two.normalized.filter(value => Math.abs(Math.abs(value) - 1) < 0.02).length > 0.95 * two.normalized.length,
  },
  {
    name: 'first', title: 'The statistics of the first ten steps', tutorial: '02_lenet_on_mnist',
    question: 'Training normalises by the batch, evaluation by stored statistics, which follow slowly. Ten hidden layers of ReLU, ten steps: has the store kept up?',
    runs: [{label: 'Momentum 0.99', steps: 10, settings: {activation: 'relu', depth: 10, width: 50, lr: 1, momentum: 0.99}},
           {label: 'Momentum 0.9', steps: 10, settings: {activation: 'relu', depth: 10, width: 50, lr: 1, momentum: 0.9}},
           {label: 'Momentum 0.5', steps: 10, settings: {activation: 'relu', depth: 10, width: 50, lr: 1, momentum: 0.5}}],
    look: ['The solid and the dotted line of the accuracy. With momentum 0.99 the stored statistics are still almost those of the first batch: the same weights are right more than 5 percentage points less often than with statistics of the batch.',
           'With momentum 0.5 the stored statistics do better than with 0.99.',
           'Press Go, and watch whether the solid line catches up with the dotted one.'],
    holds: ([slow, , quick]) => slow.batch - slow.stored > 0.05 && quick.stored > slow.stored,
  },
  {
    name: 'stale', title: 'Stale statistics', tutorial: '02_lenet_on_mnist',
    question: 'The first batch is stored and then never again, while the weights go on changing.',
    runs: [{label: 'Stored once', steps: 200, settings: {depth: 10, width: 50, freeze: true}},
           {label: 'Kept up to date', steps: 200, settings: {depth: 10, width: 50}}],
    look: ['Stored once: training itself is as before, and with statistics of the batch (dotted) more than 75 % are right. With the stale ones (solid) it is at least 5 percentage points less.',
           'Switch the evaluation to those of the batch, and the accuracy at the top changes at once. No weight has changed.',
           'Then untick “Let the stored statistics go stale”, press One step about twenty times (or hold S), and watch the solid line come back.'],
    holds: ([stale, kept]) => stale.batch > 0.75 && stale.batch - stale.stored > 0.05 && Math.abs(kept.batch - kept.stored) < 0.05,
  },
  {
    name: 'one', title: 'A batch of one', tutorial: '02_lenet_on_mnist',
    question: 'After training, the digits are evaluated one at a time. What can the statistics of a single digit say?',
    runs: [{label: 'Statistics of the batch', steps: 200, settings: {statistics: 'batch', group: 1}},
           {label: 'Stored statistics', steps: 200, settings: {group: 1}}],
    look: ['With statistics of the batch, every normalised value is 0: the network gives the same answer for every digit, and at most 15 % are right.',
           'With stored statistics it does not matter how many are evaluated at a time: move that slider and the accuracy stays.'],
    holds: ([alone, stored]) => alone.batch < 0.15 && alone.stored > 0.75 && stored.stored === alone.stored,
  },
  {
    name: 'position', title: 'Before or after the activation', tutorial: '11_how_far_can_you_turn_the_knobs',
    question: 'The paper puts batch norm before the activation. Three layers of ReLU with both.',
    runs: [{label: 'Before', steps: 300, settings: {activation: 'relu', lr: 0.3}},
           {label: 'After', steps: 300, settings: {activation: 'relu', lr: 0.3, position: 'after'}}],
    look: ['Here it hardly matters: the accuracies differ by less than 5 percentage points.',
           'What goes into the activations does differ. After it, batch norm normalises what comes out of the ReLU, and what goes in keeps a mean and a scale of its own.'],
    holds: ([before, after]) => Math.abs(before.stored - after.stored) < 0.05,
  },
];
