// Package exec turns one step into one process and says truly how it ended:
// which file, as whom, in which surroundings, what it said. It knows nothing of
// MQTT, of AWS or of job documents.
//
// It has two halves. The Client is what the agent calls. The runner is what
// jobbox becomes when it is re-executed as jobbox-runner: the parent of the
// steps, which outlives the agent and leaves one result file a step in the run
// directory. Between them are a socket, a few messages and those files:
//
//	agent                               run directory              runner
//	Client.Ready ─────── starts ────────────────────────────────────> │
//	Client.Run   ─────── {"op":"run"} ───> runner.sock ─────────────> │ writes ID.begun,
//	             <────── {"event":...} ─────────────────────────────  │ forks, drains, waits,
//	             <───────────────────────── ID.result <────────────── │ writes ID.result
//	Client.Forget ─────── removes both
package exec
