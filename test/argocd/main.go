// Command redis is an in-memory Redis, which Argo CD needs as a cache. It listens on the address of its only argument.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alicebob/miniredis/v2"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: redis ADDRESS")
		os.Exit(2)
	}
	server := miniredis.NewMiniRedis()
	if err := server.StartAddr(os.Args[1]); err != nil {
		fmt.Fprintf(os.Stderr, "redis: %v\n", err)
		os.Exit(1)
	}
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, os.Interrupt, syscall.SIGTERM)
	// It has no clock of its own, so no entry would ever expire.
	clock := time.NewTicker(time.Second)
	for {
		select {
		case <-clock.C:
			server.FastForward(time.Second)
		case <-ended:
			server.Close()
			return
		}
	}
}
