import { useState } from 'react';
import { navigate } from '../../router.tsx';
import { Button } from '../../ui/button.tsx';
import { imagePath } from './repository.ts';
import { ShareDialog } from './share-dialog.tsx';

/** What an admin can do with an image from the list. */
export function RepositoryMenu({ name }: { name: string }) {
  const [sharing, setSharing] = useState(false);
  return (
    <>
      <Button kind="quiet" className="small" aria-label={`Share ${name}`} onClick={() => setSharing(true)}>
        Share
      </Button>
      {sharing && (
        <ShareDialog
          name={name}
          onClose={() => setSharing(false)}
          onShared={() => navigate(imagePath(name))}
        />
      )}
    </>
  );
}
