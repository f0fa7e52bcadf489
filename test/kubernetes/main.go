// Command kubernetes is the API server and the controller manager of one Kubernetes version, in one binary: the name by
// which it is called decides. `npm run test:kubernetes` writes a go.mod for each version beside a copy of this file. etcd,
// kubectl and the kubelet's keyring come from test/controlplane.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"k8s.io/component-base/cli"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
)

func main() {
	switch name := filepath.Base(os.Args[0]); name {
	case "kube-apiserver":
		os.Exit(cli.Run(apiserver.NewAPIServerCommand()))
	case "kube-controller-manager":
		os.Exit(cli.Run(controllermanager.NewControllerManagerCommand()))
	default:
		fmt.Fprintf(os.Stderr, "kubernetes: %q is neither kube-apiserver nor kube-controller-manager: call it by one of these names.\n", name)
		os.Exit(2)
	}
}
