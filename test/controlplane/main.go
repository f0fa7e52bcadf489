// Command controlplane is the Kubernetes control plane of the tests and the quickstart: etcd, kube-apiserver,
// kube-controller-manager and kubectl in one binary, which of them it is being decided by the name it is called by. As
// kubelet-keyring it answers what a kubelet would find in a pull secret (keyring.go).
//
// One binary, because the four share most of their code: together they are about half the size, and half the link time,
// of four. The sources are the released modules, unchanged.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	kubectl "k8s.io/kubectl/pkg/cmd"
	"k8s.io/kubectl/pkg/cmd/util"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
)

func main() {
	switch name := filepath.Base(os.Args[0]); name {
	case "etcd":
		etcdmain.Main(os.Args)
	case "kube-apiserver":
		os.Exit(cli.Run(apiserver.NewAPIServerCommand()))
	case "kube-controller-manager":
		os.Exit(cli.Run(controllermanager.NewControllerManagerCommand()))
	case "kubectl":
		if err := cli.RunNoErrOutput(kubectl.NewDefaultKubectlCommand()); err != nil {
			util.CheckErr(err)
		}
	case "kubelet-keyring":
		if err := answer(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "kubelet-keyring:", err)
			os.Exit(1)
		}
	default:
		fmt.Fprintf(os.Stderr, "controlplane: %q is none of etcd, kube-apiserver, kube-controller-manager, kubectl, kubelet-keyring: call it by one of these names.\n", name)
		os.Exit(2)
	}
}
