package mqtt

import "github.com/eclipse/paho.mqtt.golang/packets"

// noStore keeps nothing. Every attempt gets a new paho client, so nothing that
// a store held would ever be sent again, and what a broker sends should not pile
// up in one. What must not be lost is in the caller's journal.
type noStore struct{}

// Open does nothing.
func (noStore) Open() {}

// Put discards.
func (noStore) Put(string, packets.ControlPacket) {}

// Get has nothing.
func (noStore) Get(string) packets.ControlPacket { return nil }

// All is empty.
func (noStore) All() []string { return nil }

// Del does nothing.
func (noStore) Del(string) {}

// Close does nothing.
func (noStore) Close() {}

// Reset does nothing.
func (noStore) Reset() {}
