package event

import "testing"

func TestASlowReaderIsDroppedAndOthersAreNot(t *testing.T) {
	hub := NewHub()
	slow, endSlow := hub.Subscribe()
	quick, endQuick := hub.Subscribe()
	defer endSlow()
	defer endQuick()
	for index := range subscriberBuffer + 1 {
		hub.Publish(Event{Event: "exit", PID: index})
		if got := <-quick; got.PID != index {
			t.Fatalf("got %d", got.PID)
		}
	}
	count := 0
	for range slow {
		count++
	}
	if count != subscriberBuffer {
		t.Fatalf("the slow reader got %d events", count)
	}
}
