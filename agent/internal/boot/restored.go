package boot

// Refresh reads agent.json again, whoever asked for it last: a restore has replaced it under a running agent.
func (i *Identity) Refresh() error {
	config, err := LoadConfig(i.dir)
	if err != nil {
		return err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if config.Token == i.config.Token && config.Incarnation == i.config.Incarnation {
		return nil
	}
	i.config = config
	i.onChange(config)
	return nil
}
