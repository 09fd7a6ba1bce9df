// The guided experiments: runs to begin, what to look for in them, and the tutorial that explains it.
//
// What the texts say is in `holds`, which a test checks with several seeds. It gets what came out of each run, in order:
// {stored, batch, without}, held-out accuracies (with batch norm by stored and by the batch's statistics, and without it;
// null where a net has diverged), and divergedAt, the steps at which the nets diverged or null, with batch norm first.
'use strict';

const EXPERIMENTS = [
  {
    name: 'paper', title: 'The network of the paper', tutorial: '09_the_papers_figure',
    question: 'Three layers of 100 sigmoids, batches of 60: the network of Figure 1 in Ioffe and Szegedy (2015). What does batch norm change?',
    runs: [{label: 'Train both', steps: 500, settings: {}}],
    look: ['With batch norm, more than 80 % of the held-out digits are right after 500 steps. Without it, fewer than 40 %: that network has hardly begun.',
           'The gradient of the first layer is much smaller without batch norm.',
           'The percentiles of the activation inputs. Without batch norm they stay close together, so every digit looks almost the same to the next layer.'],
    holds: ([run]) => run.stored > 0.8 && run.without < 0.4,
  },
  {
    name: 'rate', title: 'Raise the learning rate until one of them dies', tutorial: '11_how_far_can_you_turn_the_knobs',
    question: 'Three layers of ReLU. Begin with the first rate, then take the next one. Then move the slider while they train.',
    runs: [{label: 'Rate 0.1', steps: 300, settings: {activation: 'relu', lr: 0.1}},
           {label: 'Rate 3', steps: 300, settings: {activation: 'relu', lr: 3}},
           {label: 'Rate 10', steps: 300, settings: {activation: 'relu', lr: 10}}],
    look: ['At 0.1 both learn: more than 80 % are right.', 'At 3 the network without batch norm diverges within 100 steps. The other one still reaches more than 80 %.',
           'At 10 batch norm does not help any more: fewer than 50 % are right.'],
    holds: ([low, high, highest]) => low.stored > 0.8 && low.without > 0.8 && high.divergedAt[1] <= 100 && high.stored > 0.8 &&
      highest.divergedAt[1] !== null && highest.stored < 0.5,
  },
  {
    name: 'scale', title: 'Initial weights of any size', tutorial: '11_how_far_can_you_turn_the_knobs',
    question: 'The same network of ReLU, from weights that are too small, about right, and too large.',
    runs: [{label: 'Scale 0.001', steps: 300, settings: {activation: 'relu', lr: 0.3, scale: 0.001}},
           {label: 'Scale 0.1', steps: 300, settings: {activation: 'relu', lr: 0.3, scale: 0.1}},
           {label: 'Scale 1', steps: 300, settings: {activation: 'relu', lr: 0.3, scale: 1}}],
    look: ['Without batch norm the network only learns from the middle scale. From 0.001 it still guesses after 300 steps; from 1 it diverges.',
           'With batch norm it learns from all three, from the largest more slowly.'],
    holds: ([small, middle, large]) => small.without < 0.2 && small.stored > 0.8 && middle.without > 0.8 && middle.stored > 0.8 &&
      large.divergedAt[1] !== null && large.stored > 0.6 && large.stored < middle.stored,
  },
  {
    name: 'deep', title: 'Twenty sigmoid layers', tutorial: '05_deep_nets',
    question: 'Twenty hidden layers of 50 sigmoids. A sigmoid passes at most a quarter of its gradient on.',
    runs: [{label: 'Train both', steps: 400, settings: {depth: 20, width: 50, layer: 20}}],
    look: ['Without batch norm the network guesses: fewer than 20 % are right. With it, more than 70 %.',
           'The gradient by layer: without batch norm the first layer gets less than a millionth of what the last one gets. With batch norm it reaches the first layer.'],
    holds: ([run]) => run.without < 0.2 && run.stored > 0.7,
  },
];
