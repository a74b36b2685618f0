// Package service is AWS IoT Jobs without AWS: things, jobs, executions, the
// queue of each thing, timers, notifications, and the answers to the requests
// that devices publish. It opens no socket: a broker hands it publishes and
// sends what it answers (Serve, OnNotify), package rest puts the AWS REST API
// in front of it.
//
// It follows the AWS IoT developer guide (jobs-mqtt-api,
// jobs-comm-notifications, jobs-api) and the service models of the AWS CLI.
// Not simulated, and refused by name: CONTINUOUS jobs, thing groups,
// scheduling, abort criteria, namespaces and job documents in S3. A roll-out
// configuration is kept and shown; every target is served at once all the same.
package service
