package broker

import (
	"fmt"
	"strings"

	"github.com/mochi-mqtt/server/v2/packets"
)

// checkPublish says why a PUBLISH ends its connection, or "".
func (b *Broker) checkPublish(c *conn, p packets.Packet) string {
	policy, who := b.currentPolicy(), c.identity()
	switch {
	case p.FixedHeader.Qos > 1:
		return fmt.Sprintf("PUBLISH to %q with QoS %d: AWS IoT has 0 and 1", p.TopicName, p.FixedHeader.Qos)
	case len(p.Payload) > b.limits.Payload:
		return fmt.Sprintf("PUBLISH to %q of %d bytes: at most %d", p.TopicName, len(p.Payload), b.limits.Payload)
	case b.misshapen(p.TopicName):
		return fmt.Sprintf("PUBLISH to %q: at most %d bytes and %d slashes", p.TopicName, b.limits.Topic, b.limits.Slashes)
	case strings.ContainsAny(p.TopicName, "+#\x00"):
		return fmt.Sprintf("PUBLISH to %q: no wildcards", p.TopicName)
	case !policy.Allows(who, "iot:Publish", "topic/"+p.TopicName):
		return fmt.Sprintf("iot:Publish on topic/%s is not allowed", p.TopicName)
	case p.FixedHeader.Retain && !policy.Allows(who, "iot:RetainPublish", "topic/"+p.TopicName):
		return fmt.Sprintf("iot:RetainPublish on topic/%s is not allowed", p.TopicName)
	}
	return ""
}

// checkSubscribe says why a SUBSCRIBE ends its connection, or "".
func (b *Broker) checkSubscribe(c *conn, p packets.Packet) string {
	policy, who := b.currentPolicy(), c.identity()
	if len(p.Filters) > b.limits.Filters {
		return fmt.Sprintf("SUBSCRIBE with %d filters: at most %d", len(p.Filters), b.limits.Filters)
	}
	if n := b.subscriptions(c, p); n > b.limits.Subscriptions {
		return fmt.Sprintf("%d subscriptions: at most %d", n, b.limits.Subscriptions)
	}
	for _, sub := range p.Filters {
		switch {
		case sub.Qos > 1:
			return fmt.Sprintf("SUBSCRIBE to %q with QoS %d: AWS IoT has 0 and 1", sub.Filter, sub.Qos)
		case !validFilter(sub.Filter) || b.misshapen(sub.Filter):
			return fmt.Sprintf("SUBSCRIBE to %q: no topic filter of at most %d bytes and %d slashes", sub.Filter, b.limits.Topic, b.limits.Slashes)
		case !policy.RefuseBySuback && !policy.Allows(who, "iot:Subscribe", "topicfilter/"+sub.Filter):
			return fmt.Sprintf("iot:Subscribe on topicfilter/%s is not allowed", sub.Filter)
		}
	}
	return ""
}

// subscriptions is how many a session would have after a SUBSCRIBE.
func (b *Broker) subscriptions(c *conn, p packets.Packet) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := len(c.session.subs)
	for _, sub := range p.Filters {
		if _, had := c.session.subs[sub.Filter]; !had {
			n++
		}
	}
	return n
}

func (b *Broker) misshapen(topic string) bool {
	return len(topic) > b.limits.Topic || strings.Count(topic, "/") > b.limits.Slashes
}
