package main

import (
	"encoding/json"
	"errors"
	"io"

	v1 "k8s.io/api/core/v1"
	"k8s.io/kubernetes/pkg/credentialprovider"
	"k8s.io/kubernetes/pkg/credentialprovider/secrets"
	"k8s.io/kubernetes/pkg/util/parsers"
)

// A question: what does this pull secret, and no other, hold for these images?
type question struct {
	Secret v1.Secret `json:"secret"`
	Images []string  `json:"images"`
}

type result struct {
	// Why the kubelet refuses the whole Secret, if it does.
	Error string `json:"error,omitempty"`
	// For each image.
	Found []found `json:"found"`
}

type found struct {
	// Why the kubelet refuses the image's name, if it does.
	Error string `json:"error,omitempty"`
	// In the order in which the kubelet tries them.
	Credentials []credential `json:"credentials"`
}

// Bytes, so base64 in JSON: a password need not be UTF-8.
type credential struct {
	Username []byte `json:"username"`
	Password []byte `json:"password"`
}

// Answers each line of JSON with a line of JSON, by the same steps as makeLookupPullCredentialsFunc in the kubelet's
// pkg/kubelet/images/image_manager.go.
func answer(in io.Reader, out io.Writer) error {
	decoder := json.NewDecoder(in)
	encoder := json.NewEncoder(out)
	for {
		var asked question
		if err := decoder.Decode(&asked); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if err := encoder.Encode(lookup(asked)); err != nil {
			return err
		}
	}
}

func lookup(asked question) result {
	keyring, err := secrets.MakeDockerKeyring([]v1.Secret{asked.Secret}, credentialprovider.UnionDockerKeyring{})
	if err != nil {
		return result{Error: err.Error()}
	}
	results := make([]found, len(asked.Images))
	for i, image := range asked.Images {
		results[i].Credentials = []credential{}
		repository, _, _, err := parsers.ParseImageName(image)
		if err != nil {
			results[i].Error = err.Error()
			continue
		}
		configs, _ := keyring.Lookup(repository)
		for _, config := range configs {
			results[i].Credentials = append(results[i].Credentials, credential{[]byte(config.Username), []byte(config.Password)})
		}
	}
	return result{Found: results}
}
