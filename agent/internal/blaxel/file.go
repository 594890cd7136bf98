package blaxel

func (s *Server) fileRoute(method string, r *request) handler { return notFound }
