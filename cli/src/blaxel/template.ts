/** What `bl new sandbox` writes. `NAME` is the name of the project. */
export const sandboxTemplate: Readonly<Record<string, { text: string; isExecutable?: boolean }>> = {
  Dockerfile: {
    text: `# Choose a base image
FROM node:22-alpine

# Set working directory
WORKDIR /app

# Copy sandbox API (required)
COPY --from=ghcr.io/blaxel-ai/sandbox:latest /sandbox-api /usr/local/bin/sandbox-api

# Install system dependencies
RUN apk update && apk add --no-cache \\
	git curl python3 make g++ netcat-openbsd \\
  && rm -rf /var/cache/apk/*

# Copy and set up entrypoint
COPY entrypoint.sh /entrypoint.sh
RUN chmod +x /entrypoint.sh

ENTRYPOINT ["/entrypoint.sh"]
`,
  },
  'entrypoint.sh': {
    isExecutable: true,
    text: `#!/bin/sh

# Start the sandbox API (required)
/usr/local/bin/sandbox-api &

# Wait for sandbox API to be ready
echo "Waiting for sandbox API..."
while ! nc -z 127.0.0.1 8080; do
  sleep 0.1
done

echo "Sandbox API ready"

# Initialize your environment
echo "Setting up development environment..."

# Example: Start a development server in the background
if [ -f /app/package.json ]; then
    cd /app
    npm install
    # Through the sandbox API, so that its logs and its status are there
    curl http://127.0.0.1:8080/process -X POST -d '{"workingDir": "/app", "command": "npm run dev", "waitForCompletion": false}' -H "Content-Type: application/json"
fi

# Keep the container running
wait
`,
  },
  'blaxel.toml': {
    text: `name = "NAME"
type = "sandbox"
description = "A sandbox image"

[runtime]
generation = "mk3"
memory = 4096

# Define exposed ports
[[runtime.ports]]
name = "dev-server"
target = 3000
protocol = "http"

# Set environment variables
[env]
NODE_ENV = "development"
`,
  },
  Makefile: {
    text: `NAME := NAME_VALUE
DOCKER := $(shell command -v docker 2>/dev/null)

.PHONY: build run

# With Docker where it is, else on the Atoll server in use
build:
ifdef DOCKER
	docker build --platform=linux/amd64 -t $(NAME) .
else
	bl push --name $(NAME)
endif

run:
ifdef DOCKER
	docker run --rm -p 8080:8080 -p 3000:3000 $(NAME)
else
	bl deploy --name $(NAME) --skip-build
endif
`.replace('NAME_VALUE', 'NAME'),
  },
  '.blaxelignore': {
    text: `.blaxel
.env
.env.build
.docker
.git
node_modules
dist
.venv
__pycache__
`,
  },
  'README.md': {
    text: `# NAME

A sandbox image. \`Dockerfile\` says what is in it, \`entrypoint.sh\` what starts, \`blaxel.toml\` how a sandbox of it runs.

\`\`\`sh
make build             # build it: with Docker where it is, else on the server
make run               # run it, and look at http://127.0.0.1:8080/process where that was Docker
bl push                # build it on the server
bl deploy              # build it and make a sandbox of it
bl get image sandbox/NAME --latest
\`\`\`
`,
  },
};
