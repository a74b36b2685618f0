package service

import (
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Message is an MQTT message to a device, QoS 1, not retained.
type Message struct {
	Topic   string
	Payload []byte
}

// request is one publish of a device.
type request struct {
	topic, thing string
	op           string // get, start-next, update; "" is no operation
	jobID        string
	token        string
	body         map[string]json.RawMessage
}

// parseTopic reads $aws/things/THING/jobs/... Answers and notifications, which
// a service attached to a broker as a client gets to see too, are no requests.
func parseTopic(topic string) (*request, bool) {
	parts := strings.Split(topic, "/")
	if len(parts) < 5 || parts[0] != "$aws" || parts[1] != "things" || parts[3] != "jobs" {
		return nil, false
	}
	r := &request{topic: topic, thing: parts[2]}
	tail := parts[4:]
	switch last := tail[len(tail)-1]; {
	case last == "accepted" || last == "rejected":
		return nil, false
	case len(tail) == 1 && (last == "notify" || last == "notify-next"):
		return nil, false
	case len(tail) == 1 && (last == "get" || last == "start-next"):
		r.op = last
	case len(tail) == 2 && (last == "get" || last == "update"):
		r.op, r.jobID = last, tail[0]
	}
	return r, true
}

// parseBody reads the payload. Member names are exact and others are ignored.
func (r *request) parseBody(payload []byte) error {
	if len(payload) > maxRequestBytes {
		return invalid("the request has %d bytes; at most %d are allowed", len(payload), maxRequestBytes)
	}
	if !utf8.Valid(payload) || json.Unmarshal(payload, &r.body) != nil || r.body == nil {
		return refuse(InvalidJSON, "Request payload could not be interpreted as a UTF-8 encoded JSON object")
	}
	var token string
	given, err := r.field("clientToken", &token)
	if err != nil {
		return err
	}
	if given {
		if err := checkPattern(tokenPattern, token, "clientToken"); err != nil {
			return err
		}
	}
	r.token = token
	return nil
}

// field decodes a member into v. Null is as good as absent.
func (r *request) field(name string, v any) (given bool, err error) {
	raw, ok := r.body[name]
	if !ok || string(raw) == "null" {
		return false, nil
	}
	if json.Unmarshal(raw, v) != nil {
		return false, violates(string(raw), name, "Member is of the wrong type")
	}
	return true, nil
}

// fields decodes several members.
func (r *request) fields(into map[string]any) error {
	for name, v := range into {
		if _, err := r.field(name, v); err != nil {
			return err
		}
	}
	return nil
}

// number reads a member that is a number or a string of digits, as
// expectedVersion is documented.
func (r *request) number(name string) (*int64, error) {
	raw, ok := r.body[name]
	if !ok || string(raw) == "null" {
		return nil, nil
	}
	text := string(raw)
	if strings.HasPrefix(text, `"`) {
		if err := json.Unmarshal(raw, &text); err != nil {
			return nil, err
		}
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return nil, violates(text, name, "Member must be a number")
	}
	return &n, nil
}

// flags are the booleans of get and update.
func (r *request) flag(name string, absent bool) (bool, error) {
	v := absent
	_, err := r.field(name, &v)
	return v, err
}

// isRequest tells whether Serve would answer a publish on topic.
func isRequest(topic string) bool {
	_, ok := parseTopic(topic)
	return ok
}
