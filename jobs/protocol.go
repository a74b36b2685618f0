package jobs

import (
	"strings"

	"jobbox/internal/jsontext"
)

// The Jobs protocol over MQTT (SPEC section 2). The topics here are all there
// are: AWS IoT Core disconnects a client that touches any other.

// A Status is an execution's, by the service's own names.
type Status string

// The statuses. A device may set the first four.
const (
	InProgress Status = "IN_PROGRESS"
	Succeeded  Status = "SUCCEEDED"
	Failed     Status = "FAILED"
	Rejected   Status = "REJECTED"
	Queued     Status = "QUEUED"
	TimedOut   Status = "TIMED_OUT"
	Canceled   Status = "CANCELED"
	Removed    Status = "REMOVED"
)

// The error codes of a rejected request that are treated apart from the rest.
const (
	codeInvalidRequest   = "InvalidRequest"
	codeInternalError    = "InternalError"
	codeRequestThrottled = "RequestThrottled"
)

// again says whether the same request is worth sending once more.
func again(code string) bool { return code == codeInternalError || code == codeRequestThrottled }

// validJobID says whether id is what the service allows in a job id, and we in
// a topic and a file name: [a-zA-Z0-9_-]{1,64}.
func validJobID(id string) bool {
	for i := 0; i < len(id); i++ {
		switch c := id[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '_', c == '-':
		default:
			return false
		}
	}
	return 1 <= len(id) && len(id) <= 64
}

// topics are those of one thing.
type topics struct{ prefix string }

func newTopics(thing string) topics { return topics{"$aws/things/" + thing + "/jobs/"} }

func (t topics) startNext() string       { return t.prefix + "start-next" }
func (t topics) update(id string) string { return t.prefix + id + "/update" }

// Subscriptions are the topic filters that the agent needs.
func Subscriptions(thing string) []string {
	p := newTopics(thing).prefix
	return []string{
		p + "start-next/accepted", p + "start-next/rejected",
		p + "notify-next",
		p + "+/update/accepted", p + "+/update/rejected",
	}
}

// A kind of message, by its topic.
type messageKind uint8

const (
	unknownMessage messageKind = iota
	askAccepted
	askRejected
	notifyNext
	updateAccepted
	updateRejected
)

// classify names the message that comes on topic, and the job it is about where
// the topic says so. Answers come by no subscription, so the thing is checked.
func (t topics) classify(topic string) (messageKind, string) {
	rest, ours := strings.CutPrefix(topic, t.prefix)
	if !ours {
		return unknownMessage, ""
	}
	switch rest {
	case "start-next/accepted":
		return askAccepted, ""
	case "start-next/rejected":
		return askRejected, ""
	case "notify-next":
		return notifyNext, ""
	}
	if id, ok := strings.CutSuffix(rest, "/update/accepted"); ok && validJobID(id) {
		return updateAccepted, id
	}
	if id, ok := strings.CutSuffix(rest, "/update/rejected"); ok && validJobID(id) {
		return updateRejected, id
	}
	return unknownMessage, ""
}

// startNext is the body of a start-next request.
func startNext(token string) []byte {
	var w jsontext.Writer
	w.BeginObject()
	w.Key("clientToken")
	w.String(token)
	w.EndObject()
	return w.Bytes()
}

// update is the body of an update request.
type update struct {
	status  Status
	details Details
	number  int64 // executionNumber
	token   string
}

func (u update) body() []byte {
	var w jsontext.Writer
	w.BeginObject()
	w.Key("status")
	w.String(string(u.status))
	if pairs := u.details.pairs(); len(pairs) > 0 {
		w.Key("statusDetails")
		w.BeginObject()
		for _, p := range pairs {
			w.Key(p[0])
			w.String(p[1])
		}
		w.EndObject()
	}
	w.Key("executionNumber")
	w.Int(u.number)
	// The answer to a refused update carries the state only where it is asked
	// for in some versions of the service; we want it always.
	w.Key("includeJobExecutionState")
	w.Bool(true)
	w.Key("clientToken")
	w.String(u.token)
	w.EndObject()
	return w.Bytes()
}
