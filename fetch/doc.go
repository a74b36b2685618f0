// Package fetch downloads one URL into one file, so that the file is either
// what it was or all of the new content. It speaks HTTP/1.1 itself, over what
// the MQTT library links already: net/http's client would cost a tenth of the
// binary. What it prints and how it is called is left to the applet.
package fetch
