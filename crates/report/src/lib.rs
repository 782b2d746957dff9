//! What people read: verdict, waterfall, JSON
