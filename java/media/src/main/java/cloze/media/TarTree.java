package cloze.media;

import static java.nio.charset.StandardCharsets.UTF_8;

import cloze.io.DataException;
import cloze.io.FolderFiles;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeMap;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarFile;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The folders of a tar file as they would be on a disk after it is unpacked: a later entry replaces an earlier one of the
 * same name, links are followed if they do not lead back to a folder around them, and names that begin with a dot are
 * left out.
 */
final class TarTree {
    private static final int MOST_FOLDERS = 1_000_000;
    private static final int MOST_LINKS = 40; // of links to links, as in Linux
    private static final int DEEPEST = 256;

    /** Bytes of a file: its name in the tree, and where they are in the tar. */
    record Entry(String name, long offset, long size) {}

    private static final class Node {
        final @Nullable Node parent;
        final TreeMap<String, Node> children = new TreeMap<>();

        @Nullable
        Entry file;

        @Nullable
        String link;

        boolean isHardLink;

        Node(@Nullable Node parent) {
            this.parent = parent;
        }
    }

    private static final Logger LOG = LoggerFactory.getLogger(TarTree.class);
    private static final long MOST_STEPS = 10_000_000; // along links

    private final Path tar;
    private final Node root = new Node(null);
    private final List<Entry> found = new ArrayList<>();
    private int folders;
    private int dangling;
    private long steps;

    private TarTree(Path tar) {
        this.tar = tar;
    }

    /** All files of a tar, sorted by name. */
    static List<Entry> files(Path path, TarFile tar, long size) throws IOException {
        var tree = new TarTree(path);
        for (TarArchiveEntry entry : tar.getEntries()) {
            tree.add(entry, size);
        }
        tree.walk(tree.root, "", new HashSet<>());
        if (tree.dangling > 0) {
            LOG.warn("{}: links that lead to nothing in the archive are left out: {}", path, tree.dangling);
        }
        // the order of paths on a disk, which is that of their bytes
        tree.found.sort((a, b) -> Arrays.compareUnsigned(a.name.getBytes(UTF_8), b.name.getBytes(UTF_8)));
        return tree.found;
    }

    private void add(TarArchiveEntry entry, long size) throws IOException {
        boolean isLink = entry.isSymbolicLink() || entry.isLink();
        if (!isLink && (entry.isDirectory() || !entry.isFile() || entry.isSparse())) {
            return;
        }
        String[] parts = entry.getName().split("/+", -1);
        if (List.of(parts).contains("..") || parts.length > DEEPEST) {
            throw new DataException(tar, entry.getName(), "a name inside of the archive", "one that leads out of it");
        }
        Node at = root;
        for (String part : parts) {
            if (!part.isEmpty() && !part.equals(".")) {
                Node parent = at;
                at = at.children.computeIfAbsent(part, name -> new Node(parent));
            }
        }
        at.file = null;
        at.link = null;
        if (isLink) {
            at.link = entry.getLinkName();
            at.isHardLink = entry.isLink();
            return;
        }
        if (entry.getSize() > size - entry.getDataOffset() || entry.getSize() > Integer.MAX_VALUE - 8) {
            throw new DataException(tar, entry.getName(), entry.getSize() + " bytes", "the end of the file");
        }
        at.file = new Entry(entry.getName(), entry.getDataOffset(), entry.getSize());
    }

    /** Collects all files under a folder. {@code around} are the folders that it lies in, as they really are. */
    private void walk(Node folder, String prefix, Set<Node> around) throws DataException {
        if (++folders > MOST_FOLDERS || around.size() > DEEPEST) {
            throw new DataException(tar, "entries", MOST_FOLDERS + " folders at most", "more, perhaps by links");
        }
        if (!around.add(folder)) {
            return; // a link to a folder around it
        }
        for (var each : folder.children.entrySet()) {
            String name = prefix + each.getKey();
            if (FolderFiles.isHidden(each.getKey())) {
                continue;
            }
            Node node = resolved(each.getValue(), 0);
            if (node == null) {
                dangling++;
            } else if (node.file != null) {
                found.add(new Entry(name, node.file.offset, node.file.size));
            } else {
                walk(node, name + "/", around);
            }
        }
        around.remove(folder);
    }

    /** Where a link leads; null if nothing of the archive is there. */
    private @Nullable Node resolved(Node node, int links) throws DataException {
        String link = node.link;
        if (link == null) {
            return node;
        }
        if (links == MOST_LINKS || (link.startsWith("/") && !node.isHardLink)) {
            return null;
        }
        Node at = node.isHardLink || node.parent == null ? root : node.parent;
        for (String part : link.split("/+", -1)) {
            if (++steps > MOST_STEPS) {
                throw new DataException(tar, "links", MOST_STEPS + " steps along links at most", "more");
            }
            if (part.equals("..")) {
                at = at == null ? null : at.parent;
            } else if (!part.isEmpty() && !part.equals(".")) {
                Node next = at == null ? null : at.children.get(part);
                at = next == null ? null : resolved(next, links + 1);
            }
        }
        return at;
    }
}
