package cloze.train;

import java.util.Map;

/** State that must survive a restart besides that of the trainer: for example which kernels a backend has chosen. */
public interface ExtraState {
    ExtraState NONE = new ExtraState() {
        @Override
        public Map<String, String> save() {
            return Map.of();
        }

        @Override
        public void restore(Map<String, String> saved) {
            // there is none
        }
    };

    Map<String, String> save();

    /** Called before the first step of a resumed run with what {@link #save} gave. */
    void restore(Map<String, String> saved);
}
