// The trainer at work: takes messages from the page, trains in short slices, and posts what happened.
//
// It runs in a Worker, or, where there is none, in the page itself. `post` sends a message; `later` calls a function soon,
// after messages that wait.
'use strict';

const SLICE = 30;                         // milliseconds between two looks at the messages

// At which steps something is recorded. It depends on the settings alone, so that a run is the same on every machine.
function recordedAt(step, settings) {
  const weights = 784 * settings.width + settings.depth * settings.width ** 2;
  const often = weights * settings.batch > 1e8 ? 1 : 10;
  return {look: step <= 20 || step % often === 0,
          evaluate: step <= 10 || (step <= 100 ? step % 10 : step <= 500 ? step % 50 : step % 100) === 0};
}

function startEngine(post, later) {
  let digits, trainer, view, run = 0, until = Infinity, running = false, waiting = false;
  let asked = 0, next = null;             // the last order, and a run that is to begin
  let records = [], evaluation = null, unread = false, counted = {step: 0, time: 0}, rate = 0;

  function record(evaluate) {
    const {step} = trainer;
    if (evaluate) evaluation = {step, nets: trainer.evaluate()};
    records.push({step, losses: trainer.takeMeanLosses(), percentiles: step ? trainer.percentiles() : null,
                  accuracies: evaluate ? evaluation.nets.map(net => net && net.accuracy) : null});
    if (records.length > 1000) records = records.filter((_, i) => i % 2 === 0);
  }

  function report() {
    unread = true;
    const {step, losses, divergedAt} = trainer;
    post({run, asked, step, losses, divergedAt, running, rate, records, evaluation, sizes: trainer.sizes(),
          inputs: [0, 1].map(which => trainer.activationInputs(which, view.layer, view.one))});
    records = [];
  }

  function advance() {
    trainer.advance();
    const {look, evaluate} = recordedAt(trainer.step, trainer.settings);
    const last = trainer.step >= until || trainer.finished;
    if (last) running = false;
    if (look || evaluate || last) record(evaluate || last);
  }

  function begin() {
    const message = next;
    next = null;
    run = message.run;
    view = message.view;
    trainer = new Trainer(digits, message.settings);
    until = message.until || Infinity;
    running = message.running;
    records = [];
    evaluation = null;
    rate = 0;
    counted = {step: 0, time: performance.now()};
    stopped();
  }

  function turn() {
    waiting = false;
    if (next) begin();
    if (!running) return;
    const start = performance.now();
    do advance(); while (running && performance.now() - start < SLICE);
    const seconds = (performance.now() - counted.time) / 1000;
    if (seconds > 0.5) {
      rate = (trainer.step - counted.step) / seconds;
      counted = {step: trainer.step, time: performance.now()};
    }
    if (!unread || !running) report();    // a page that is slower than training is not flooded
    wake();
  }

  function wake() {
    if ((running || next) && !waiting) {
      waiting = true;
      later(turn);
    }
  }

  const stopped = () => {                 // what is seen after a stop is of the very last step
    record(true);
    report();
  };

  const handlers = {
    digits(message) { digits = message.digits; },
    start(message) { next = message; },   // a new run, at step 0: of several that wait, as of a slider's stops, the last
    change(message) {                     // settings that a run may change
      trainer.change(message.settings);
      if (!running) stopped();
    },
    view(message) {
      view = message.view;
      if (!running) report();
    },
    read() { unread = false; },           // the page has got the last report
    go() {                                // to the step that was given at the start, and from there on without an end
      if (trainer.finished) return report();
      running = true;
      if (trainer.step >= until) until = Infinity;
      counted = {step: trainer.step, time: performance.now()};
    },
    pause() {
      if (!running) return report();      // every order is answered
      running = false;
      stopped();
    },
    step() {
      running = false;
      if (trainer.finished) return report();
      trainer.advance();
      stopped();
    },
  };

  return message => {
    if (next && !['start', 'read'].includes(message.type)) begin();
    asked = message.asked || asked;
    handlers[message.type](message);
    wake();
  };
}

function startInWorker(scope) {
  const channel = new MessageChannel();   // comes round sooner than a timer
  let next = null;
  channel.port1.onmessage = () => next();
  const later = action => {
    next = action;
    channel.port2.postMessage(null);
  };
  const handle = startEngine(message => scope.postMessage(message), later);
  scope.onmessage = event => handle(event.data);
}
