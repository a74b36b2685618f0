// Package rest is the AWS IoT REST API for Jobs in front of package service:
// what `aws iot` and `aws iot-jobs-data` of the real AWS CLI call, with
// --endpoint-url. Signatures are not checked: whoever reaches the port is
// obeyed. So it listens on loopback only, and turns away requests that a web
// page could have sent there.
package rest
