// Package jobs decides what the agent does next about AWS IoT jobs: it reads
// job documents, speaks the Jobs protocol, keeps the journal, and says which
// step runs now. It opens no connection and starts no process itself: it hands
// messages to a Connection and steps to a Runner.
package jobs
