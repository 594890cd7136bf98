/** In sandboxes of this image, processes may hand builds to the server. It is the Debian base under another name. */
export const BUILDER_IMAGE = 'tensorlake/rootfs-builder';
