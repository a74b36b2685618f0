// A device that speaks through Amazon's own aws-iot-device-sdk: it takes jobs
// for two operations of its own and leaves all others to a default handler.
// Arguments: host, port, directory with cert.pem, private.key and root-ca.pem,
// thing. It says what happens, a line of JSON each, and ends with its input.
'use strict';

const path = require('path');
const awsIot = require('aws-iot-device-sdk');

const [host, port, dir, thing] = process.argv.slice(2);
const say = (event, more) => console.log(JSON.stringify({event, ...more}));

const jobs = awsIot.jobs({
  host,
  port: Number(port),
  protocol: 'mqtts',
  keyPath: path.join(dir, 'private.key'),
  certPath: path.join(dir, 'cert.pem'),
  caPath: path.join(dir, 'root-ca.pem'),
  clientId: thing,
});

// Every callback gets an error or null first, jobs with a callback of their own.
const or = (name, next) => (err, value) => {
  if (err) {
    say('error', {name, message: String(err)});
    return;
  }
  if (next) {
    next(value);
  }
};

jobs.subscribeToJobs(thing, 'greet', or('greet', (job) => {
  say('job', {id: job.id, operation: job.operation, status: job.status.status, document: job.document});
  job.inProgress({progress: 'begun'}, or('inProgress', () => {
    job.succeeded({greeting: 'hello ' + job.document.args[0]}, or('succeeded'));
  }));
}));

jobs.subscribeToJobs(thing, or('default', (job) => {
  say('job', {id: job.id, operation: job.operation, status: job.status.status, document: job.document});
  job.failed({reason: 'unknown operation ' + job.operation}, or('failed'));
}));

jobs.on('connect', () => {
  say('connect');
  jobs.startJobNotifications(thing, or('startJobNotifications', () => say('started')));
});
jobs.on('close', () => say('close'));
jobs.on('error', (err) => say('error', {name: 'connection', message: String(err)}));

process.stdin.on('end', () => jobs.end(false, () => process.exit(0)));
process.stdin.resume();
