// Package peers holds second opinions on the simulator, so that one
// misunderstanding of AWS IoT Jobs does not sit in both it and jobbox: other
// people's clients against our cloud, and our agent and service around a stock
// broker. It is tests only.
package peers
