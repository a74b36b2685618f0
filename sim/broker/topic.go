package broker

import "strings"

// matches says whether a topic filter covers a topic (MQTT 3.1.1, section 4.7).
func matches(filter, topic string) bool {
	if strings.HasPrefix(topic, "$") != strings.HasPrefix(filter, "$") {
		return false // [MQTT-4.7.2-1]
	}
	for {
		f, filterRest, moreFilter := strings.Cut(filter, "/")
		if f == "#" {
			return true
		}
		t, topicRest, moreTopic := strings.Cut(topic, "/")
		if f != "+" && f != t {
			return false
		}
		if !moreFilter && !moreTopic {
			return true
		}
		if moreFilter && !moreTopic {
			return filterRest == "#" // "a/#" covers "a"
		}
		if !moreFilter {
			return false
		}
		filter, topic = filterRest, topicRest
	}
}

// validFilter checks a topic filter's shape.
func validFilter(filter string) bool {
	if filter == "" || strings.ContainsRune(filter, 0) {
		return false
	}
	levels := strings.Split(filter, "/")
	for i, level := range levels {
		if level == "#" && i == len(levels)-1 || level == "+" {
			continue
		}
		if strings.ContainsAny(level, "+#") {
			return false
		}
	}
	return true
}
